//! Access control: bearer tokens with scopes, of which only hashes are kept.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base16ct::lower;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The actor of changes where no token is needed.
const ANYONE: &str = "anonymous";

/// What a token allows. Scopes are independent: writing does not include reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `flags:read`: read flags, experiments, results, changes and metrics, and evaluate.
    FlagsRead,
    /// `flags:write`: create, change, start and stop, and record conversions.
    FlagsWrite,
}

impl Scope {
    pub(crate) const ALL: [Scope; 2] = [Scope::FlagsRead, Scope::FlagsWrite];

    /// The scope as text: `flags:read` or `flags:write`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::FlagsRead => "flags:read",
            Scope::FlagsWrite => "flags:write",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Scope::FlagsRead => 1,
            Scope::FlagsWrite => 2,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be flags:read or flags:write")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }
}

#[derive(Clone)]
struct Known {
    hash: [u8; 32],
    scopes: u8,
    /// What its changes are recorded as.
    name: Arc<str>,
}

impl Known {
    /// Without a comment, the beginning of the hash is the name, as it stands in the line.
    fn new(hash: [u8; 32], scopes: u8, comment: &str) -> Known {
        let comment = comment.trim();
        let name = if comment.is_empty() {
            lower::encode_string(&hash).chars().take(8).collect()
        } else {
            comment.to_owned()
        };
        Known { hash, scopes, name: name.into() }
    }
}

/// The tokens that are accepted, and what each allows.
///
/// With no tokens, every request is refused. Only SHA-256 hashes are kept: enough for random
/// tokens, as [`NewToken`] makes them, and not enough for tokens that a person invented. A token is
/// compared with every known one in constant time, so the time of a refusal reveals nothing about a
/// token.
///
/// A change is recorded with the [actor](fairsplit::changes::Actor) that asked for it: the comment
/// of the token's line, or the name that [`named_token`](Auth::named_token) gives. A token without
/// either is the first 8 digits of its hash, and without authentication every change is
/// `anonymous`. Comments and names are shown to everyone who may read.
///
/// Clones share their tokens: [`replace`](Auth::replace) on one of them replaces those of a router
/// that is being served.
///
/// # Examples
///
/// ```
/// use fairsplit_http::{Auth, Scope};
///
/// // The content of a file that the operator keeps.
/// let auth = Auth::from_lines("
///     sha256:ce62fb2c28f9c01131d62011980ab0604383e2db0af556a459e831e4e1d395a9 flags:read  # dashboards
/// ")?.token("from a secret store", [Scope::FlagsRead, Scope::FlagsWrite]);
/// assert_eq!(auth.tokens(), 2);
/// # Ok::<(), fairsplit_http::TokensError>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Auth {
    /// Swapped whole, so that a request sees the tokens before or those after, and takes no lock.
    accepted: Arc<ArcSwap<Accepted>>,
}

#[derive(Clone, Default)]
struct Accepted {
    known: Vec<Known>,
    is_open: bool,
}

impl Auth {
    /// No tokens: every request is refused until some are added.
    pub fn new() -> Auth {
        Auth::default()
    }

    /// No authentication: every client may do everything. Use it only behind another layer that
    /// authenticates. A port that only this machine can reach is not enough: pages that are open in
    /// a browser on this machine can reach it too.
    pub fn insecure_allow_everyone() -> Auth {
        Auth::of(Accepted { known: Vec::new(), is_open: true })
    }

    /// Accepts this token for these scopes as well, and keeps only its hash. Clones that were made
    /// before do not change.
    pub fn token(self, token: &str, scopes: impl IntoIterator<Item = Scope>) -> Auth {
        self.named_token(token, scopes, "")
    }

    /// As [`token`](Auth::token), with the name that its changes are recorded under, as the comment
    /// of a line is. A blank name is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit_http::{Auth, Scope};
    ///
    /// let secret = "from a secret store";
    /// let auth = Auth::new().named_token(secret, [Scope::FlagsWrite], "nightly job");
    /// # let _ = auth;
    /// ```
    pub fn named_token(
        self,
        token: &str,
        scopes: impl IntoIterator<Item = Scope>,
        name: &str,
    ) -> Auth {
        let scopes = scopes.into_iter().fold(0, |scopes, scope| scopes | scope.bit());
        let mut accepted = Accepted::clone(&self.accepted.load());
        accepted.known.push(Known::new(Sha256::digest(token).into(), scopes, name));
        Auth::of(accepted)
    }

    /// Accepts the tokens of a text with a line for each: `sha256:` and 64 hexadecimal digits, then
    /// one or more scopes. A `#` begins a comment, which names the token in the list of changes;
    /// empty lines are ignored.
    ///
    /// # Errors
    ///
    /// [`TokensError`] with every line that cannot be read. It contains nothing of their content.
    pub fn from_lines(text: &str) -> Result<Auth, TokensError> {
        let mut accepted = Accepted::default();
        let mut faults = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let (words, comment) = line.split_once('#').unwrap_or((line, ""));
            match known(words.split_whitespace(), comment) {
                Ok(None) => {}
                Ok(Some(known)) if accepted.known.iter().any(|other| other.hash == known.hash) => {
                    faults.push((number, TokenFault::Repeated));
                }
                Ok(Some(known)) => accepted.known.push(known),
                Err(fault) => faults.push((number, fault)),
            }
        }
        if faults.is_empty() { Ok(Auth::of(accepted)) } else { Err(TokensError { faults }) }
    }

    /// Accepts what `other` accepts, and nothing else, from the next request on: here, in all
    /// clones, and in the routers that were built with one. A request that has passed its check
    /// already is answered. Waits for no request.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    /// use fairsplit_http::{Auth, NewToken, Scope};
    ///
    /// let (old, new) = (NewToken::generate()?, NewToken::generate()?);
    /// let auth = Auth::from_lines(&old.line([Scope::FlagsRead]))?;
    /// let router = fairsplit_http::router(Engine::new(), auth.clone());
    /// // Later, while the router is served: the old token is revoked.
    /// auth.replace(&Auth::from_lines(&new.line([Scope::FlagsRead]))?);
    /// # let _ = router;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace(&self, other: &Auth) {
        self.accepted.store(other.accepted.load_full());
    }

    /// How many tokens are accepted.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.accepted.load().known.len()
    }

    /// Whether every client may do everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.accepted.load().is_open
    }

    fn of(accepted: Accepted) -> Auth {
        Auth { accepted: Arc::new(ArcSwap::from_pointee(accepted)) }
    }

    /// Whether this token allows an operation that needs this scope, and the token's name.
    pub(crate) fn check(&self, token: Option<&str>, needed: Scope) -> Verdict {
        let accepted = self.accepted.load();
        if accepted.is_open {
            return Verdict::Granted(ANYONE.into());
        }
        let Some(token) = token else {
            return Verdict::Unknown;
        };
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut is_known = Choice::from(0);
        let (mut scopes, mut place) = (0, 0);
        // Compare with all, even after a match.
        for (known, at) in accepted.known.iter().zip(0_u64..) {
            let is_this = known.hash.ct_eq(&hash);
            is_known |= is_this;
            scopes |= u8::conditional_select(&0, &known.scopes, is_this);
            place = u64::conditional_select(&place, &at, is_this);
        }
        let named = usize::try_from(place).ok().and_then(|place| accepted.known.get(place));
        match (bool::from(is_known).then_some(named).flatten(), scopes & needed.bit()) {
            (None, _) => Verdict::Unknown,
            (Some(_), 0) => Verdict::OutOfScope,
            (Some(known), _) => Verdict::Granted(Arc::clone(&known.name)),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("tokens", &self.tokens())
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// With the name of the token.
    Granted(Arc<str>),
    /// No token, or an unknown one.
    Unknown,
    OutOfScope,
}

fn known<'a>(
    mut words: impl Iterator<Item = &'a str>,
    comment: &str,
) -> Result<Option<Known>, TokenFault> {
    let Some(hash) = words.next() else {
        return Ok(None);
    };
    let hash = hash.strip_prefix("sha256:").and_then(from_hex).ok_or(TokenFault::Hash)?;
    let mut scopes = 0;
    for word in words {
        let scope: Scope = word.parse().map_err(|ScopeError| TokenFault::Scope)?;
        scopes |= scope.bit();
    }
    if scopes == 0 { Err(TokenFault::NoScope) } else { Ok(Some(Known::new(hash, scopes, comment))) }
}

/// What is wrong with a line of a text of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// The line does not start with a hash.
    #[error(
        "must start with sha256: and 64 hexadecimal digits; `fairsplit token new` makes such a line"
    )]
    Hash,
    /// One of the words after the hash is not a scope.
    #[error("has a scope that is neither flags:read nor flags:write")]
    Scope,
    /// There is no scope after the hash.
    #[error("has no scope: flags:read, flags:write or both")]
    NoScope,
    /// An earlier line has the same token.
    #[error("has the token of an earlier line")]
    Repeated,
}

/// Why a text of tokens was refused: each line with a fault, by number. It contains nothing of the
/// content, since misplaced text in such a file may be a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensError {
    faults: Vec<(usize, TokenFault)>,
}

impl TokensError {
    /// The faults with their line numbers, which count from 1.
    #[must_use]
    pub fn faults(&self) -> &[(usize, TokenFault)] {
        &self.faults
    }
}

impl fmt::Display for TokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (line, fault)) in self.faults.iter().enumerate() {
            let separator = if position > 0 { "; " } else { "" };
            write!(f, "{separator}line {line} {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TokensError {}

/// A new token: the secret for its user, and the line for the server.
///
/// # Examples
///
/// ```
/// use fairsplit_http::{Auth, NewToken, Scope};
///
/// let token = NewToken::generate()?;
/// let auth = Auth::from_lines(&token.line([Scope::FlagsRead]))?;
/// assert!(token.secret().starts_with("fs_"));
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct NewToken(String);

impl NewToken {
    /// Makes a token from 32 random bytes of the operating system.
    ///
    /// # Errors
    ///
    /// If the system's source of randomness fails.
    pub fn generate() -> std::io::Result<NewToken> {
        Ok(NewToken(format!("fs_{}", lower::encode_string(&random::<32>()?))))
    }

    /// The token itself. Show it once, to its user, and store it nowhere else.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The line for [`Auth::from_lines`] that accepts this token for these scopes.
    #[must_use]
    pub fn line(&self, scopes: impl IntoIterator<Item = Scope>) -> String {
        let hash: [u8; 32] = Sha256::digest(&self.0).into();
        let scopes = scopes.into_iter().map(|scope| format!(" {scope}"));
        format!("sha256:{}{}", lower::encode_string(&hash), scopes.collect::<String>())
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken(..)")
    }
}

/// Random bytes from the system.
pub(crate) fn random<const COUNT: usize>() -> std::io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = base16ct::mixed::decode(text, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}
