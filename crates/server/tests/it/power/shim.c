/*
 * Writes down what a program does to the files of one directory, in the order in which it takes
 * effect. Put in front of the C library with LD_PRELOAD; see power.rs, which reads the trace.
 *
 * POWER_DIRECTORY names the directory and POWER_TRACE the trace, which is only ever appended to,
 * so that others may add records of their own. The index of a write-ahead log (-shm) is left out:
 * it is made anew from the log after a crash and holds nothing that has to survive.
 *
 * A record is a header and the two byte strings it gives the lengths of. Changes are made and
 * written down under one lock. A sync is written down when it begins and when it has ended, and
 * runs without the lock: what is written meanwhile is not what it promised.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, UNLINK, RENAME, LINK };

/* Inode 0 is the directory itself. */
struct header {
    uint32_t kind;
    uint32_t name_length;
    uint64_t inode;
    uint64_t number; /* offset, size, or the number of the sync */
    uint64_t data_length;
};

enum { DESCRIPTORS = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[4096];
static size_t directory_length;
static int trace = -1;
static uint64_t syncs;

/* What is behind a descriptor: nothing of interest, a file, or the directory. */
static struct { char is_file, is_directory; uint64_t inode; } open_as[DESCRIPTORS];

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);
static int (*real_link)(const char *, const char *);
static int (*real_linkat)(int, const char *, int, const char *, int);

static void give_up(const char *what) {
    fprintf(stderr, "power shim: %s: %s\n", what, strerror(errno));
    abort();
}

static void *find(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        give_up(name);
    }
    return found;
}

static void __attribute__((constructor)) start(void) {
    real_open = find("open64");
    real_openat = find("openat64");
    real_close = find("close");
    real_write = find("write");
    real_pwrite = find("pwrite64");
    real_ftruncate = find("ftruncate64");
    real_fsync = find("fsync");
    real_fdatasync = find("fdatasync");
    real_unlink = find("unlink");
    real_rename = find("rename");
    real_link = find("link");
    real_linkat = find("linkat");
    const char *where = getenv("POWER_DIRECTORY");
    const char *to = getenv("POWER_TRACE");
    if (!where || !to || !realpath(where, directory)) {
        return;
    }
    directory_length = strlen(directory);
    trace = real_open(to, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (trace < 0) {
        give_up("the trace");
    }
}

/* The name of a file directly in the directory, or NULL. "" is the directory itself. */
static const char *name_of(const char *path, char *buffer) {
    if (trace < 0 || !path) {
        return NULL;
    }
    if (path[0] != '/') {
        char here[4096];
        if (!getcwd(here, sizeof here) || snprintf(buffer, 8192, "%s/%s", here, path) >= 8192) {
            return NULL;
        }
    } else if (snprintf(buffer, 8192, "%s", path) >= 8192) {
        return NULL;
    }
    /* "directory/./name" and "directory/" are what programs write; more is not needed. */
    for (char *dot; (dot = strstr(buffer, "/./"));) {
        memmove(dot, dot + 2, strlen(dot + 2) + 1);
    }
    size_t length = strlen(buffer);
    while (length > 1 && (buffer[length - 1] == '/' ||
                          (buffer[length - 1] == '.' && buffer[length - 2] == '/'))) {
        buffer[--length] = 0;
    }
    if (strncmp(buffer, directory, directory_length) != 0) {
        return NULL;
    }
    if (buffer[directory_length] == 0) {
        return "";
    }
    const char *name = buffer + directory_length + 1;
    size_t name_length = strlen(name);
    if (buffer[directory_length] != '/' || strchr(name, '/') ||
        (name_length > 4 && strcmp(name + name_length - 4, "-shm") == 0)) {
        return NULL;
    }
    return name;
}

/* Appends one record, whole or not at all. */
static void record(uint32_t kind, uint64_t inode, uint64_t number, const char *name,
                   const void *data, uint64_t data_length) {
    struct header header = {kind, name ? strlen(name) : 0, inode, number, data_length};
    struct iovec parts[3] = {
        {&header, sizeof header}, {(void *)name, header.name_length}, {(void *)data, data_length}};
    ssize_t wanted = sizeof header + header.name_length + data_length;
    if (writev(trace, parts, 3) != wanted) {
        give_up("writing the trace");
    }
}

static uint64_t inode_of(int fd) {
    struct stat found;
    if (fstat(fd, &found) != 0) {
        give_up("fstat");
    }
    return found.st_ino;
}

static int is_file(int fd) {
    return trace >= 0 && fd >= 0 && fd < DESCRIPTORS && open_as[fd].is_file;
}

static int is_directory(int fd) {
    return trace >= 0 && fd >= 0 && fd < DESCRIPTORS && open_as[fd].is_directory;
}

static int open_and_tell(const char *path, int flags, mode_t mode) {
    char buffer[8192];
    const char *name = name_of(path, buffer);
    if (!name) {
        return real_open(path, flags, mode);
    }
    pthread_mutex_lock(&lock);
    struct stat before;
    int is_new = *name && (flags & O_CREAT) && stat(path, &before) != 0;
    int fd = real_open(path, flags, mode);
    int error = errno;
    if (fd >= DESCRIPTORS) {
        give_up("more descriptors than can be watched");
    }
    if (fd >= 0) {
        open_as[fd].is_directory = *name == 0;
        open_as[fd].is_file = *name != 0;
        open_as[fd].inode = *name ? inode_of(fd) : 0;
        if (is_new) {
            record(CREATE, open_as[fd].inode, 0, name, NULL, 0);
        } else if (*name && (flags & O_TRUNC)) {
            record(TRUNCATE, open_as[fd].inode, 0, NULL, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

static int mode_is_given(int flags) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE_OF(flags, mode)        \
    mode_t mode = 0;                \
    if (mode_is_given(flags)) {     \
        va_list rest;               \
        va_start(rest, flags);      \
        mode = va_arg(rest, mode_t); \
        va_end(rest);               \
    }

int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_and_tell(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_and_tell(path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    int is_plain = at == AT_FDCWD || path[0] == '/';
    return is_plain ? open_and_tell(path, flags, mode) : real_openat(at, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return openat64(at, path, flags, mode);
}

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (is_file(fd) || is_directory(fd)) {
        open_as[fd].is_file = open_as[fd].is_directory = 0;
    }
    int result = real_close(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_file(fd)) {
        return real_write(fd, bytes, length);
    }
    pthread_mutex_lock(&lock);
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    off_t offset = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    ssize_t written = real_write(fd, bytes, length);
    int error = errno;
    if (written > 0) {
        record(WRITE, open_as[fd].inode, offset, NULL, bytes, written);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    if (!is_file(fd)) {
        return real_pwrite(fd, bytes, length, offset);
    }
    pthread_mutex_lock(&lock);
    ssize_t written = real_pwrite(fd, bytes, length, offset);
    int error = errno;
    if (written > 0) {
        record(WRITE, open_as[fd].inode, offset, NULL, bytes, written);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

int ftruncate64(int fd, off_t size) {
    if (!is_file(fd)) {
        return real_ftruncate(fd, size);
    }
    pthread_mutex_lock(&lock);
    int result = real_ftruncate(fd, size);
    int error = errno;
    if (result == 0) {
        record(TRUNCATE, open_as[fd].inode, size, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

static int sync_and_tell(int fd, int (*real)(int)) {
    if (!is_file(fd) && !is_directory(fd)) {
        return real(fd);
    }
    pthread_mutex_lock(&lock);
    uint64_t inode = open_as[fd].inode;
    uint64_t number = ++syncs;
    record(SYNC_BEGIN, inode, number, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    /* As long as a disk takes, also where there is none: who does not wait for it shall be seen. */
    usleep(1000);
    int result = real(fd);
    int error = errno;
    pthread_mutex_lock(&lock);
    if (result == 0) {
        record(SYNC_END, inode, number, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int fsync(int fd) {
    return sync_and_tell(fd, real_fsync);
}

int fdatasync(int fd) {
    return sync_and_tell(fd, real_fdatasync);
}

int unlink(const char *path) {
    char buffer[8192];
    const char *name = name_of(path, buffer);
    if (!name || !*name) {
        return real_unlink(path);
    }
    pthread_mutex_lock(&lock);
    int result = real_unlink(path);
    int error = errno;
    if (result == 0) {
        record(UNLINK, 0, 0, name, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

/* Both names lie in the directory, or neither does: nothing of ours moves files across. */
static int move_and_tell(uint32_t kind, const char *from, const char *to, int result) {
    char from_buffer[8192], to_buffer[8192];
    int error = errno;
    const char *from_name = name_of(from, from_buffer), *to_name = name_of(to, to_buffer);
    if (result == 0 && from_name && to_name) {
        record(kind, 0, 0, from_name, to_name, strlen(to_name));
    }
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int result = move_and_tell(RENAME, from, to, real_rename(from, to));
    pthread_mutex_unlock(&lock);
    return result;
}

int link(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int result = move_and_tell(LINK, from, to, real_link(from, to));
    pthread_mutex_unlock(&lock);
    return result;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    pthread_mutex_lock(&lock);
    int result = real_linkat(from_fd, from, to_fd, to, flags);
    if (from_fd == AT_FDCWD && to_fd == AT_FDCWD) {
        result = move_and_tell(LINK, from, to, result);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
