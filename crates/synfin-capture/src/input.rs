//! Opening an input: what it is by its first bytes, and what unpacks it.

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::ReadError;
use crate::window::Window;

/// A file that was changed within this time may be in use, and is read and not mapped.
const AT_REST: Duration = Duration::from_secs(10);

/// First bytes of a gzip member (RFC 1952, section 2.3.1), with the only compression method there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Last three bytes of the first four of a skippable zstd frame (RFC 8878, section 3.1.2).
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// An input that was opened: its bytes, unpacked, and how far reading has come.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) window: Window,
    /// Bytes taken from the input as it is, packed or not. `None`: the window's own offset is the same.
    taken: Option<Arc<AtomicU64>>,
    total: Option<u64>,
}

impl Input {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        if path.as_os_str() == "-" {
            return Self::standard_input();
        }
        let name = path.display().to_string();
        let open_error = |source| ReadError::Open { name: name.clone(), source };
        let mut file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(open_error(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let total = metadata.is_file().then_some(metadata.len());
        let head = read_head(&mut file, &name)?;
        if Packing::of(&head) == Packing::Plain
            && metadata.is_file()
            && is_at_rest(&metadata)
            && let Ok(window) = Window::over_file(file.try_clone().map_err(open_error)?)
        {
            return Ok(Self { name, window, taken: None, total });
        }
        let mut input = Self::unpack(head, file, name)?;
        input.total = total;
        Ok(input)
    }

    fn standard_input() -> Result<Self, ReadError> {
        let name = "standard input".to_owned();
        let stdin = io::stdin();
        if stdin.is_terminal() {
            let source = io::Error::other("is a terminal; a capture comes through a pipe or a redirection");
            return Err(ReadError::Open { name, source });
        }
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            // Past the standard library's own buffer: ours is the only one.
            let opened = stdin.as_fd().try_clone_to_owned();
            let file = File::from(opened.map_err(|source| ReadError::Open { name: name.clone(), source })?);
            let total =
                file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            let mut input = Self::from_read(file, name)?;
            input.total = total;
            Ok(input)
        }
        #[cfg(not(unix))]
        Self::from_read(stdin, name)
    }

    pub(crate) fn from_read(mut input: impl Read + Send + 'static, name: String) -> Result<Self, ReadError> {
        let head = read_head(&mut input, &name)?;
        Self::unpack(head, input, name)
    }

    fn unpack(head: Vec<u8>, rest: impl Read + Send + 'static, name: String) -> Result<Self, ReadError> {
        let packing = Packing::of(&head);
        let taken = Arc::new(AtomicU64::new(0));
        let whole = Counted { input: Cursor::new(head).chain(rest), taken: Arc::clone(&taken) };
        let unpacked: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(whole))),
            Packing::Zstd => match zstd::Decoder::new(whole) {
                Ok(decoder) => Box::new(decoder),
                Err(source) => return Err(ReadError::Io { name, offset: 0, source }),
            },
        };
        Ok(Self { name, window: Window::over_stream(unpacked), taken: Some(taken), total: None })
    }

    /// Bytes of the input that were read, and how many there are.
    pub(crate) fn progress(&self) -> (u64, Option<u64>) {
        let taken = self.taken.as_ref().map_or(self.window.offset(), |taken| taken.load(Ordering::Relaxed));
        (taken, self.total)
    }
}

/// The first four bytes, or all if there are fewer.
fn read_head(input: &mut impl Read, name: &str) -> Result<Vec<u8>, ReadError> {
    let mut head = Vec::with_capacity(4);
    match input.by_ref().take(4).read_to_end(&mut head) {
        Ok(0) => Err(ReadError::Empty { name: name.to_owned() }),
        Ok(_) => Ok(head),
        Err(source) => Err(ReadError::Io { name: name.to_owned(), offset: 0, source }),
    }
}

/// Whether nobody seems to be writing the file.
fn is_at_rest(metadata: &std::fs::Metadata) -> bool {
    let changed = metadata.modified().ok();
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age >= AT_REST)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        let is_skippable = head.first().is_some_and(|byte| byte & 0xf0 == 0x50)
            && head.get(1..).is_some_and(|rest| rest == ZSTD_SKIPPABLE);
        if head.starts_with(&GZIP) {
            Self::Gzip
        } else if head == ZSTD || is_skippable {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Counts what is read, for whoever shows progress.
struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buf)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
