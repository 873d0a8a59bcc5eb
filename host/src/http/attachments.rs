//! Files that belong to records.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lienthong_core::hash::ContentHash;
use lienthong_core::id::AgencyId;
use lienthong_core::ports::Blob;

use super::admission::Admission;
use super::permission::Reader;
use super::problem::Problem;
use crate::disk::FileBlob;
use crate::fair::Share;
use crate::store::Store;

/// The hub knows the bytes and not what they are: nothing that a browser would open.
pub const MEDIA_TYPE: &str = "application/octet-stream";
/// Bytes read at a time.
const PIECE: usize = 256 << 10;

type Named = (String, String, String);

/// `GET /v1/channels/{domain}/{name}/attachments/{sha256}`
pub async fn attachment(
    reader: Reader,
    (State(store), State(admission), Path((_, _, sha256)), headers): (State<Store>, State<Admission>, Path<Named>, HeaderMap),
) -> Result<Response, Problem> {
    let absent = || Problem::absent("attachment");
    let hash: ContentHash = sha256.parse().map_err(|_| absent())?;
    let Some(agency) = reader.principal.agency() else { return Err(absent()) };
    // For the piece that is read and the one that is written.
    let (share, _) = admission.answer(agency, 2 * PIECE, 2 * PIECE).await?;
    let file = store.attachment(&reader.channel.id, &hash).await?.ok_or_else(absent)?;
    let tag = format!("\"{hash}\"");
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|value| value.as_bytes().windows(tag.len()).any(|part| part == tag.as_bytes()));
    let tag = HeaderValue::try_from(tag).map_err(|_| absent())?;
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let headers = [
        (ETAG, tag),
        (CONTENT_LENGTH, HeaderValue::from(file.size())),
        (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, Body::from_stream(pieces(file, share))).into_response())
}

fn pieces(file: FileBlob, share: Share<AgencyId>) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    futures::stream::try_unfold((file, share, 0), |(file, share, offset)| async move {
        if offset == file.size() {
            return Ok(None);
        }
        let piece = file.read(offset, PIECE).await?;
        if piece.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let next = offset + piece.len() as u64;
        Ok(Some((Bytes::from(piece), (file, share, next))))
    })
}
