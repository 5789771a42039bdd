//! The ways that content can take through the pipeline and to the media, and who decides.

use format::{Context, Entry, Finding, Framing, Verdict};

use super::stages::StageSpec;

/// Where a route encrypts, in a store that has keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Behind all its stages.
    #[default]
    Last,
    /// Where the cipher stands among its stages.
    Placed,
    /// Nowhere: whoever has the medium can read it.
    Never,
}

/// What becomes of a chunk when a transform has failed at it, and failed again in a fresh instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The session stops.
    #[default]
    Stop,
    /// The chunk is stored without the route's stages, encrypted all the same where the route
    /// encrypts, and the session goes on.
    Store,
}

/// What becomes of the entries that a snoop has failed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSnoopFailure {
    /// The session stops.
    #[default]
    Stop,
    /// They are tagged as `unscanned`, and the session goes on.
    Tag,
}

/// One way through the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// Transforms, in order.
    pub stages: Vec<StageSpec>,
    /// Where it encrypts.
    pub encryption: Encryption,
    /// The pools that its chunks go to, each a copy; none leaves it to the destination.
    pub pools: Vec<String>,
    /// Plain bytes of a chunk, about.
    pub chunk_length: usize,
    /// How its chunks are framed.
    pub framing: Framing,
    /// Each file with content begins a chunk of its own.
    pub apart: bool,
    /// Pools besides its own, whose blocks may be referred to.
    pub dedupe_with: Vec<String>,
    /// What becomes of a chunk that a stage fails at.
    pub on_failure: OnFailure,
}

/// The name of the store's cipher where a chain places it.
pub const CIPHER: &str = "chacha20poly1305";

impl Default for RouteConfig {
    /// Compressed, encrypted where the store is, into the home pool.
    fn default() -> RouteConfig {
        RouteConfig {
            stages: vec![StageSpec::new("zstd", "{}")],
            encryption: Encryption::Last,
            pools: Vec::new(),
            chunk_length: 1 << 20,
            framing: Framing::Each,
            apart: false,
            dedupe_with: Vec::new(),
            on_failure: OnFailure::default(),
        }
    }
}

impl RouteConfig {
    /// The chain that it is in a store with or without keys.
    pub(super) fn chain(&self, encrypted: bool) -> Vec<StageSpec> {
        let mut chain = self.stages.clone();
        if encrypted && self.encryption == Encryption::Last {
            chain.push(StageSpec::new(CIPHER, "{}"));
        }
        chain
    }

    /// What its chunks say of it.
    pub(super) fn context(&self, chain: Vec<u16>) -> Context {
        let mut context = Context { epoch: 0, chain, ..Context::default() };
        for pool in &self.pools {
            context.options.push(Context::POOL, pool.as_bytes());
        }
        context
    }
}

/// What is known of an entry's content when its route is decided.
#[derive(Clone, Copy, Debug)]
pub struct ContentSoFar<'a> {
    /// Neighbouring bytes of the entry: all of it, or the part that is about to be packed.
    pub bytes: &'a [u8],
    /// What snoops said; none for an entry that they have not seen the end of.
    pub verdict: Option<(Verdict, &'a [Finding])>,
}

/// Sends content on its ways: a storage map.
pub trait Router: Send + Sync {
    /// Looks at an entry.
    fn entry(&self, entry: &Entry) -> Box<dyn EntryRouter>;
    /// A text that changes whenever its decisions may: an interrupted archive is not gone on with
    /// under other rules.
    fn fingerprint(&self) -> String;
}

/// Sends the content of one entry.
pub trait EntryRouter {
    /// The route of these bytes, which come in order: a place in [`super::ArchiveConfig::routes`].
    fn route(&mut self, content: &ContentSoFar<'_>) -> u16;
    /// An earlier session has sent the beginning of the entry on its way; here it is again, up to
    /// [`crate::policy::HEAD_LENGTH`] bytes.
    fn went_on(&mut self, _head: &[u8]) {}
}

/// Sends everything one way.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneWay;

impl Router for OneWay {
    fn entry(&self, _entry: &Entry) -> Box<dyn EntryRouter> {
        Box::new(OneWay)
    }

    fn fingerprint(&self) -> String {
        String::new()
    }
}

impl EntryRouter for OneWay {
    fn route(&mut self, _content: &ContentSoFar<'_>) -> u16 {
        0
    }
}
