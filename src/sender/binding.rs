//! Whom a token is bound to.

use crate::claims::Claims;
use crate::dpop::Thumbprint;
use crate::error::VerifyErrorKind;
use crate::jose::{Entries, Value};
use crate::mtls::CertificateThumbprint;

const MALFORMED: VerifyErrorKind = VerifyErrorKind::ClaimMalformed { name: "cnf" };

/// What a token names of its owner: at least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// `jkt`: the key that signs the owner's proofs (RFC 9449 §6.1).
    pub(crate) key: Option<Thumbprint>,
    /// `x5t#S256`: the owner's certificate (RFC 8705 §3.1).
    pub(crate) certificate: Option<CertificateThumbprint>,
}

/// What becomes of tokens that are bound, and of those that are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BindingRule {
    /// Whether a `jkt` is checked here.
    pub(crate) keys: bool,
    /// Whether an `x5t#S256` is checked here.
    pub(crate) certificates: bool,
    /// Whether a token that is not bound is refused.
    pub(crate) demanded: bool,
}

impl BindingRule {
    /// Whether anything is checked.
    pub(crate) fn checks_any(self) -> bool {
        self.keys || self.certificates
    }

    /// Whom the token is bound to, if whatever binds it is checked here.
    pub(crate) fn read(self, claims: &Claims) -> Result<Option<Binding>, VerifyErrorKind> {
        let Some(confirmation) = claims.member("cnf") else {
            return match self.demanded {
                true => Err(VerifyErrorKind::SenderNotBound),
                false => Ok(None),
            };
        };
        self.read_confirmation(confirmation).map(Some)
    }

    /// Whom a `cnf` names, if whatever it names is checked here.
    pub(crate) fn read_confirmation(
        self,
        confirmation: Value<'_>,
    ) -> Result<Binding, VerifyErrorKind> {
        let entries = confirmation.entries().ok_or(MALFORMED)?;
        if !self.checks_any() {
            return Err(VerifyErrorKind::SenderBound);
        }
        let binding = Binding::read(entries)?;
        let named = (binding.key.is_some(), binding.certificate.is_some());
        let all_checked = (self.keys || !named.0) && (self.certificates || !named.1);
        if all_checked && named != (false, false) {
            Ok(binding)
        } else {
            Err(VerifyErrorKind::SenderBound)
        }
    }
}

impl Binding {
    /// Whether it names what `other` names, and maybe more.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let key = other.key.is_none() || other.key == self.key;
        let certificate = other.certificate.is_none() || other.certificate == self.certificate;
        key && certificate
    }

    /// Reads the members of `cnf`. One that is not what its standard says is no absent one.
    fn read(members: Entries<'_>) -> Result<Self, VerifyErrorKind> {
        let mut binding = Self {
            key: None,
            certificate: None,
        };
        for (name, value) in members {
            let text = || value.as_str().ok_or(MALFORMED);
            match &*name {
                "jkt" => binding.key = Some(Thumbprint::from_text(&text()?).ok_or(MALFORMED)?),
                "x5t#S256" => {
                    let parsed = CertificateThumbprint::parse(&text()?);
                    binding.certificate = Some(parsed.ok_or(MALFORMED)?);
                }
                _ => {}
            }
        }
        Ok(binding)
    }
}
