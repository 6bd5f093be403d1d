use crate::wire::{malformed, utf16};
use crate::{Error, FileTime};

/// What an attribute of the target information means (MS-NLMP 2.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvId(pub u16);

impl AvId {
    /// Ends the list; not an attribute.
    pub const END: Self = Self(0);
    /// NetBIOS name of the server, UTF-16LE as all names.
    pub const NETBIOS_COMPUTER: Self = Self(1);
    /// NetBIOS name of the domain.
    pub const NETBIOS_DOMAIN: Self = Self(2);
    /// DNS name of the server.
    pub const DNS_COMPUTER: Self = Self(3);
    /// DNS name of the domain.
    pub const DNS_DOMAIN: Self = Self(4);
    /// DNS name of the forest.
    pub const DNS_TREE: Self = Self(5);
    /// 32 bits; bit 1 announces a message integrity code.
    pub const FLAGS: Self = Self(6);
    /// The server's time, a [`FileTime`].
    pub const TIMESTAMP: Self = Self(7);
    /// The service the client wants, such as `HTTP/mail.contoso.com`.
    pub const TARGET_NAME: Self = Self(9);
    /// See [`channel_binding`](crate::channel_binding).
    pub const CHANNEL_BINDINGS: Self = Self(10);
}

/// How a server names itself in a challenge.
#[derive(Debug, Clone, Default)]
pub struct ServerNames {
    /// Such as `CONTOSO`.
    pub netbios_domain: String,
    /// Such as `LYNCFE01`.
    pub netbios_computer: String,
    /// Such as `contoso.com`; sent for the forest as well.
    pub dns_domain: String,
    /// Such as `lyncfe01.contoso.com`.
    pub dns_computer: String,
}

/// The attributes of a challenge, or of the answer to it, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetInfo(Vec<(AvId, Vec<u8>)>);

impl TargetInfo {
    /// Lists what a domain member sends. With a time, clients answer with an integrity code.
    pub fn of_server(names: &ServerNames, time: Option<FileTime>) -> Self {
        let info = Self::default()
            .with(AvId::NETBIOS_DOMAIN, utf16(&names.netbios_domain))
            .with(AvId::NETBIOS_COMPUTER, utf16(&names.netbios_computer))
            .with(AvId::DNS_DOMAIN, utf16(&names.dns_domain))
            .with(AvId::DNS_COMPUTER, utf16(&names.dns_computer))
            .with(AvId::DNS_TREE, utf16(&names.dns_domain));
        match time {
            Some(time) => info.with(AvId::TIMESTAMP, time.0.to_le_bytes().to_vec()),
            None => info,
        }
    }

    /// Reads attributes up to the end mark, or to the end of the bytes; what follows the mark is
    /// padding.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an attribute is cut.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut attributes = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = malformed(bytes.len() - rest.len(), "attribute");
            let (head, tail) = rest.split_first_chunk().ok_or(cut)?;
            let [id_low, id_high, low, high] = *head;
            let id = AvId(u16::from_le_bytes([id_low, id_high]));
            if id == AvId::END {
                break;
            }
            let length = usize::from(u16::from_le_bytes([low, high]));
            let (value, tail) = tail.split_at_checked(length).ok_or(cut)?;
            attributes.push((id, value.to_vec()));
            rest = tail;
        }
        Ok(Self(attributes))
    }

    /// Returns the first value of that attribute.
    pub fn get(&self, id: AvId) -> Option<&[u8]> {
        self.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    /// Lists all attributes in their order.
    pub fn iter(&self) -> impl Iterator<Item = (AvId, &[u8])> {
        self.0.iter().map(|(id, value)| (*id, value.as_slice()))
    }

    /// Replaces an attribute, or appends it.
    #[must_use]
    pub fn with(mut self, id: AvId, value: Vec<u8>) -> Self {
        match self.0.iter_mut().find(|(other, _)| *other == id) {
            Some((_, old)) => *old = value,
            None => self.0.push((id, value)),
        }
        self
    }

    /// Removes an attribute wherever it stands.
    #[must_use]
    pub fn without(mut self, id: AvId) -> Self {
        self.0.retain(|(other, _)| *other != id);
        self
    }

    /// Returns the server's time, if it sent one.
    pub fn timestamp(&self) -> Option<FileTime> {
        let bytes = self.get(AvId::TIMESTAMP)?.try_into().ok()?;
        Some(FileTime(u64::from_le_bytes(bytes)))
    }

    /// Returns the flags attribute, 0 if there is none.
    pub fn flags(&self) -> u32 {
        let bytes = self.get(AvId::FLAGS).and_then(|value| value.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    /// Encodes the list with its end mark.
    ///
    /// # Errors
    /// [`Error::TooLong`] if a value has more than 65,535 bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for (id, value) in self.iter().chain([(AvId::END, [].as_slice())]) {
            let length = u16::try_from(value.len()).map_err(|_| Error::TooLong("attribute"))?;
            bytes.extend(id.0.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(value);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at surprises")]
    use super::*;
    use crate::test_data::{self, hex};

    #[test]
    fn published_lists_survive() {
        for list in
            [test_data::NLMP_TARGET_INFO, test_data::OCS_TARGET_INFO, test_data::OWN_TARGET_INFO]
        {
            let bytes = hex(list);
            assert_eq!(TargetInfo::parse(&bytes).unwrap().bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn server_list_of_the_transcript() {
        let names = ServerNames {
            netbios_domain: "CONTOSO".into(),
            netbios_computer: "LYNCFE01".into(),
            dns_domain: "contoso.com".into(),
            dns_computer: "lyncfe01.contoso.com".into(),
        };
        let info = TargetInfo::of_server(&names, Some(test_data::OWN_TIME));
        assert_eq!(info.bytes().unwrap(), hex(test_data::OWN_TARGET_INFO));
        assert_eq!(info.timestamp(), Some(test_data::OWN_TIME));
    }

    #[test]
    fn every_cut_is_refused_or_shorter() {
        let bytes = hex(test_data::OWN_TARGET_INFO);
        let whole = TargetInfo::parse(&bytes).unwrap();
        for end in 0..bytes.len() {
            // A list that ends between two attributes lacks only its end mark.
            if let Ok(info) = TargetInfo::parse(&bytes[..end]) {
                assert!(whole.0.starts_with(&info.0), "cut at {end}");
            }
        }
        assert!(TargetInfo::parse(&bytes[..5]).is_err());
        assert!(TargetInfo::parse(&[1, 0, 0xff, 0xff, 0]).is_err());
    }

    #[test]
    fn replaces_in_place() {
        let info = TargetInfo::default()
            .with(AvId::FLAGS, vec![1, 0, 0, 0])
            .with(AvId::TIMESTAMP, vec![0; 8])
            .with(AvId::FLAGS, vec![3, 0, 0, 0]);
        assert_eq!(info.flags(), 3);
        assert_eq!(info.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [6, 7]);
        assert_eq!(info.without(AvId::FLAGS).flags(), 0);
    }
}
