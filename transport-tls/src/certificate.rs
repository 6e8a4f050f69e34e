//! What a certificate says, for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::{IdentityError, identity};

/// What a certificate says. Whether it is true is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its number, in hexadecimal.
    pub serial: String,
    /// The URIs, host names and addresses that it speaks for.
    pub names: Vec<String>,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// From when on it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

impl CertificateFacts {
    /// What each certificate in a PEM text says; what else the text holds is passed over.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Certificate`] if there is none, or one cannot be read.
    pub fn of_pem(pem: &[u8]) -> Result<Vec<Self>, IdentityError> {
        let certificates = identity::certificates(pem)?;
        if certificates.is_empty() {
            return Err(IdentityError::Certificate);
        }
        certificates.iter().map(|der| Self::of_der(der)).collect()
    }

    fn of_der(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Certificate)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| IdentityError::Certificate)?;
        let names = names.iter().flat_map(|extension| &extension.value.general_names);
        let validity = certificate.validity();
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.raw_serial_as_string(),
            names: names.filter_map(name).collect(),
            is_authority: certificate.is_ca(),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(name) | GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
                return Some(std::net::Ipv4Addr::from(four).to_string());
            }
            let six = <[u8; 16]>::try_from(*bytes).ok()?;
            Some(std::net::Ipv6Addr::from(six).to_string())
        }
        _ => None,
    }
}

fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(since)
    } else {
        UNIX_EPOCH.checked_add(since)
    };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use tidegate_transport::PeerId;

    use super::*;
    use crate::authority::Authority;

    #[test]
    fn a_certificate_says_whose_it_is_and_how_long() {
        let authority = Authority::new("blue").unwrap();
        let [of_authority] = &*CertificateFacts::of_pem(authority.certificates_pem().as_bytes()).unwrap()
        else {
            panic!("one certificate");
        };
        assert!(of_authority.is_authority && of_authority.names.is_empty());

        let node = authority.issue_pem(PeerId::new(3)).unwrap().certificate;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let server = authority.issue_server_pem(&names).unwrap().certificate;
        let facts = CertificateFacts::of_pem(format!("{node}{server}").as_bytes()).unwrap();
        assert_eq!(facts[0].names, ["tidegate://blue/node/3"]);
        assert_eq!(facts[1].names, names);
        let (now, day) = (SystemTime::now(), Duration::from_secs(24 * 3600));
        for facts in &facts {
            assert_eq!(
                (&facts.issuer, facts.is_authority),
                (&of_authority.subject, false)
            );
            assert!(facts.not_before < now && facts.not_after < of_authority.not_after);
            assert!((now + 364 * day..now + 366 * day).contains(&facts.not_after));
        }
        assert!(CertificateFacts::of_pem(b"nothing").is_err());
    }
}
