//! What others publish over DNS and HTTP for us to hold them to.
mod clock;
mod http;
mod sts;

pub use http::{FetchError, HttpClient, Targets, WebUrl, WebUrlError};
pub use sts::{
    FixedSts, MtaSts, NoSts, StsCacheError, StsFinding, StsPolicies, StsSettings, StsStatus,
    StsTrouble, StsTroubleKind,
};
