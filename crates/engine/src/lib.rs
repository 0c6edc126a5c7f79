//! The pipeline, one file per stage.
//!
//! - [`record`]: verified bytes become durable; then Meta gets its 200
//! - [`interpret`]: recorded deliveries become events, and [`route`] decides in the same
//!   transaction what they lead to
//! - [`catalog`]: the automations and accounts routing looks at
//! - [`media`]: finds out which media `media = "next"` stands for
//! - [`send`]: lanes are claimed, context is read, attempts are committed, Meta is called
//! - [`reconcile`]: leases that ran out, unknown outcomes and passed deadlines are settled by
//!   evidence
//! - [`alerts`]: what goes wrong is raised and resolved, and people are told
//! - [`erase`]: what somebody asked to be deleted goes, everywhere
//! - [`pack`]: what is old is compressed
//! - [`connect`]: a login or a token becomes a connected account
//! - [`subscribe`]: what Meta delivers is what is wanted
//! - [`upkeep`]: what comes back for as long as an account is connected
//! - [`doctor`]: everything that can keep events from coming, looked at once
//! - [`explain`]: one plain account of what happened and why
//! - [`worker`]: the loops that drive the stages; each stage itself is one `tick`
//! - [`keyring`], [`caller`]: account tokens are sealed and opened

pub mod alerts;
pub mod caller;
pub mod catalog;
pub mod connect;
pub mod doctor;
pub mod erase;
pub mod explain;
pub mod interpret;
pub mod keyring;
pub mod media;
pub mod pack;
pub mod reconcile;
pub mod record;
pub mod route;
pub mod send;
pub mod settings;
pub mod subscribe;
pub mod upkeep;
pub mod worker;
