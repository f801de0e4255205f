//! Blobs as files in a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use async_trait::async_trait;
use futures_channel::oneshot;
use stratus_storage::{Blob, BlobKey, BlobStore, Error, Result};

/// The first line of each file; the second is the media type, the rest are the bytes.
const MAGIC: &[u8] = b"stratus-blob 1\n";

/// The longest name of a file that every file system takes is 255 bytes.
const LONGEST_NAME: usize = 200;

/// Where files are written before they are whole. No segment of a key has a `+`.
const UNFINISHED: &str = "+unfinished";

/// A [`BlobStore`] in a folder: one file a blob, its media type in the file's head.
///
/// A key's last segment ends in `=` on the disk, a character that no key has, so that one key may
/// be the folder of another.
#[derive(Clone, Debug)]
pub struct FileBlobStore {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
}

/// How many files this process began to write, in whichever folder.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

impl FileBlobStore {
    /// The store in a folder, which is created if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`] and the like when the folder can't be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let root = folder.into();
        fs::create_dir_all(root.join(UNFINISHED)).map_err(storage_error)?;
        Ok(Self { folder: Arc::new(Folder { root }) })
    }

    /// Runs blocking work on a thread of its own, since no runtime is known here. Starting one costs
    /// far less than the disk.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let folder = Arc::clone(&self.folder);
        let work = move || {
            let _ = answer.send(work(&folder));
        };
        thread::Builder::new().name("stratus-blob".to_owned()).spawn(work).map_err(storage_error)?;
        answered.await.unwrap_or_else(|_| {
            Err(Error::OutcomeUnknown { reason: "the work on a blob stopped half way".to_owned() })
        })
    }
}

#[async_trait]
impl BlobStore for FileBlobStore {
    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>> {
        let key = key.clone();
        self.off_thread(move |folder| folder.get(&key)).await
    }

    async fn put(&self, key: &BlobKey, blob: &Blob) -> Result<()> {
        if blob.content_type.contains('\n') {
            return Err(Error::Refused { what: "a line break in a media type".to_owned() });
        }
        let (key, blob) = (key.clone(), blob.clone());
        self.off_thread(move |folder| folder.put(&key, &blob)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        let key = key.clone();
        self.off_thread(move |folder| folder.delete(&key)).await
    }
}

impl Folder {
    /// Where a key's file is. Keys are checked when they are made; what is added here has no dot.
    fn path(&self, key: &BlobKey) -> PathBuf {
        let mut path = self.root.clone();
        let mut segments = key.as_str().split('/').peekable();
        while let Some(mut segment) = segments.next() {
            while segment.len() > LONGEST_NAME {
                // Keys are ASCII, so that any byte is a boundary.
                let (head, tail) = segment.split_at(LONGEST_NAME);
                path.push(format!("{head}+"));
                segment = tail;
            }
            match segments.peek() {
                Some(_) => path.push(segment),
                None => path.push(format!("{segment}=")),
            }
        }
        path
    }

    fn get(&self, key: &BlobKey) -> Result<Option<Blob>> {
        match fs::read(self.path(key)) {
            Ok(bytes) => parse(bytes).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(storage_error(error)),
        }
    }

    fn put(&self, key: &BlobKey, blob: &Blob) -> Result<()> {
        let path = self.path(key);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.root.join(UNFINISHED).join(format!("{}-{number}", process::id()));
        let put = || {
            let mut file = File::create(&unfinished)?;
            for part in [MAGIC, blob.content_type.as_bytes(), b"\n", &blob.bytes] {
                file.write_all(part)?;
            }
            file.sync_all()?;
            let folder = path.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            fs::rename(&unfinished, &path)?;
            self.sync_up_from(folder)
        };
        put().map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            storage_error(error)
        })
    }

    fn delete(&self, key: &BlobKey) -> Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.root)).map_err(storage_error),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(storage_error(error)),
        }
    }

    /// Makes the names on the way to a file durable, as its bytes are.
    fn sync_up_from(&self, folder: &Path) -> io::Result<()> {
        for folder in folder.ancestors() {
            sync_folder(folder)?;
            if folder == self.root {
                break;
            }
        }
        Ok(())
    }
}

fn parse(mut bytes: Vec<u8>) -> Result<Blob> {
    let damaged = || Error::Corrupt { reason: "a file among the blobs that is none".to_owned() };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(damaged)?;
    let content_type = String::from_utf8(rest[..end].to_vec()).map_err(|_| damaged())?;
    bytes.drain(..MAGIC.len() + end + 1);
    Ok(Blob { bytes, content_type })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    // Only Unix opens folders as files; elsewhere the file system orders these itself.
    Ok(())
}

/// Nothing has that name, or what should be a folder on the way is none.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn storage_error(error: io::Error) -> Error {
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { reason },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { reason },
        _ => Error::backend(error),
    }
}
