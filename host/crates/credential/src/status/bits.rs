//! The bits of a status list: a plane for each purpose, the same index in all of them.

use std::fmt;

use super::{MAX_ENTRIES, Purpose, StatusError, compress};

/// First byte of a snapshot.
const SNAPSHOT_VERSION: u8 = 1;
/// Version, purposes, capacity.
const SNAPSHOT_HEADER_LEN: usize = 6;

/// All statuses of a list, in an eighth of a byte for each entry and purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusBits {
    capacity: u32,
    /// By purpose, in their order. Index 0 is the most significant bit of the first byte.
    planes: Vec<(Purpose, Vec<u8>)>,
}

impl StatusBits {
    /// A list in which nothing is set. The purposes are a set: their order does not matter, nor does one that is named
    /// twice. That a list which is to be published has [`super::MIN_ENTRIES`] is the caller's to see to.
    pub fn new(purposes: &[Purpose], capacity: u32) -> Result<Self, StatusError> {
        let length = plane_len(capacity)?;
        let planes: Vec<_> = (Purpose::ALL.into_iter())
            .filter(|purpose| purposes.contains(purpose))
            .map(|purpose| (purpose, vec![0; length]))
            .collect();
        if planes.is_empty() {
            return Err(StatusError::NoPurpose);
        }
        Ok(Self { capacity, planes })
    }

    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// In their order.
    pub fn purposes(&self) -> impl Iterator<Item = Purpose> {
        self.planes.iter().map(|(purpose, _)| *purpose)
    }

    /// `None` for a purpose that the list does not have, and an index beyond its capacity.
    pub fn get(&self, purpose: Purpose, index: u32) -> Option<bool> {
        let (byte, mask) = self.place(index)?;
        self.plane(purpose)?.get(byte).map(|bits| bits & mask != 0)
    }

    /// Sets or clears a bit; whether that changed anything. No bit is final here: see [`Purpose::is_reversible`].
    pub fn set(&mut self, purpose: Purpose, index: u32, value: bool) -> Result<bool, StatusError> {
        let out_of_range = StatusError::OutOfRange { index, capacity: self.capacity };
        let place = self.place(index);
        let plane = self.planes.iter_mut().find(|(own, _)| *own == purpose);
        let (_, plane) = plane.ok_or(StatusError::UnknownPurpose(purpose))?;
        let Some((byte, mask)) = place else { return Err(out_of_range) };
        let bits = plane.get_mut(byte).ok_or(out_of_range)?;
        let before = *bits;
        *bits = if value { before | mask } else { before & !mask };
        Ok(*bits != before)
    }

    /// The bits of one purpose, as Bitstring Status List orders them.
    pub fn plane(&self, purpose: Purpose) -> Option<&[u8]> {
        self.planes.iter().find(|(own, _)| *own == purpose).map(|(_, plane)| plane.as_slice())
    }

    /// How many entries have the bit of this purpose set.
    pub fn count(&self, purpose: Purpose) -> Option<u32> {
        self.plane(purpose).map(|plane| plane.iter().map(|byte| byte.count_ones()).sum())
    }

    /// Everything in one compressed value, for [`StatusBits::from_snapshot`].
    pub fn to_snapshot(&self) -> Result<Vec<u8>, StatusError> {
        let planes: Vec<u8> = self.planes.iter().flat_map(|(_, plane)| plane).copied().collect();
        let mut snapshot = vec![SNAPSHOT_VERSION, self.purposes().fold(0, |flags, purpose| flags | flag(purpose))];
        snapshot.extend(self.capacity.to_be_bytes());
        snapshot.extend(compress::zlib(&planes, compress::STORED)?);
        Ok(snapshot)
    }

    /// Reads a snapshot. What it unpacks to is bounded by the capacity that it declares, and that by [`MAX_ENTRIES`].
    pub fn from_snapshot(snapshot: &[u8]) -> Result<Self, StatusError> {
        let Some((header, stream)) = snapshot.split_first_chunk::<SNAPSHOT_HEADER_LEN>() else {
            return Err(StatusError::Snapshot("it is cut short"));
        };
        let [version, flags, capacity @ ..] = *header;
        if version != SNAPSHOT_VERSION {
            return Err(StatusError::Snapshot("its version is not known"));
        }
        let purposes: Vec<Purpose> = Purpose::ALL.into_iter().filter(|purpose| flags & flag(*purpose) != 0).collect();
        if purposes.iter().fold(0, |known, purpose| known | flag(*purpose)) != flags {
            return Err(StatusError::Snapshot("it has a purpose that is not known"));
        }
        let mut bits = Self::new(&purposes, u32::from_be_bytes(capacity))?;
        let length = plane_len(bits.capacity)?;
        let planes = compress::unzlib(stream, length * purposes.len());
        let planes = planes.ok_or(StatusError::Snapshot("its bits are damaged, or too many"))?;
        if planes.len() != length * purposes.len() {
            return Err(StatusError::Snapshot("it has too few bits"));
        }
        for ((_, plane), content) in bits.planes.iter_mut().zip(planes.chunks_exact(length)) {
            plane.copy_from_slice(content);
        }
        Ok(bits)
    }

    fn place(&self, index: u32) -> Option<(usize, u8)> {
        let byte = usize::try_from(index / 8).ok()?;
        (index < self.capacity).then_some((byte, 0x80 >> (index % 8)))
    }
}

impl fmt::Debug for StatusBits {
    /// Counts instead of megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("StatusBits");
        debug.field("capacity", &self.capacity);
        for purpose in self.purposes() {
            debug.field(purpose.as_str(), &self.count(purpose));
        }
        debug.finish_non_exhaustive()
    }
}

fn plane_len(capacity: u32) -> Result<usize, StatusError> {
    if capacity == 0 || !capacity.is_multiple_of(8) || capacity > MAX_ENTRIES {
        return Err(StatusError::Capacity(capacity));
    }
    usize::try_from(capacity / 8).map_err(|_| StatusError::Capacity(capacity))
}

/// The bit of a purpose in a snapshot. These never change: snapshots are stored.
const fn flag(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Revocation => 1,
        Purpose::Suspension => 2,
        Purpose::Refresh => 4,
        Purpose::Message => 8,
    }
}
