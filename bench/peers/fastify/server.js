// Fastify + BullMQ: verifies a delivery, adds it to a queue, answers 200 when Redis has it.

import cluster from 'node:cluster'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

const { PORT, REDIS_PORT, APP_SECRET, PROCESSES = '1' } = process.env

if (cluster.isPrimary && Number(PROCESSES) > 1) {
  for (let i = 0; i < Number(PROCESSES); i++) cluster.fork()
  cluster.on('exit', () => process.exit(1))
} else {
  await serve()
}

async function serve() {
  const connection = new Redis({
    host: '127.0.0.1',
    port: Number(REDIS_PORT),
    maxRetriesPerRequest: 1,
  })
  const queue = new Queue('instagram', { connection })
  const app = Fastify({ bodyLimit: 4 * 1024 * 1024 })

  // The signature is over the bytes as they came, so nothing may parse them before.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body))

  app.get('/healthz', async () => 'ok')

  app.post('/webhooks/instagram', async (request, reply) => {
    if (!isSigned(request.body, request.headers['x-hub-signature-256'])) {
      return reply.code(401).send()
    }
    await queue.add('delivery', { body: request.body.toString('utf8') })
    return reply.code(200).send()
  })

  await queue.waitUntilReady()
  await app.listen({ host: '127.0.0.1', port: Number(PORT) })
}

function isSigned(body, header) {
  if (!Buffer.isBuffer(body) || typeof header !== 'string') return false
  const expected = Buffer.from('sha256=' + createHmac('sha256', APP_SECRET).update(body).digest('hex'))
  const given = Buffer.from(header)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
