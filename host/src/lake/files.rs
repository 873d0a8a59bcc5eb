//! Batches to Parquet files, one for each UTC day.

use std::collections::BTreeMap;

use bytes::Bytes;
use deltalake_core::arrow::array::RecordBatch;
use deltalake_core::arrow::error::ArrowError;
use deltalake_core::parquet::arrow::ArrowWriter;
use deltalake_core::parquet::arrow::arrow_writer::ArrowWriterOptions;
use deltalake_core::parquet::basic::{Compression, Encoding, ZstdLevel};
use deltalake_core::parquet::errors::ParquetError;
use deltalake_core::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use deltalake_core::parquet::schema::types::ColumnPath;
use lienthong_core::columns::ColumnType;
use lienthong_core::id::ChannelId;
use lienthong_core::log::StoredBatch;

use super::distinct::repeats;
use super::layout::{EXTRA, ID, Layout, OFFSET};
use super::rows::Rows;
use super::stats::{FileStats, day};

/// Rows go to the writer at about so many, or so many bytes of their text: it bounds memory, and Arrow's 2 GiB a text column.
const CHUNK_ROWS: usize = 65_536;
const CHUNK_BYTES: usize = 64 << 20;

/// A Parquet file in memory, and what the log will say of it.
#[derive(Debug)]
pub(super) struct DataFile {
    /// `YYYY-MM-DD`, the partition.
    pub(super) date: String,
    /// The first offset in it, for its name.
    pub(super) first_offset: u64,
    pub(super) bytes: Bytes,
    pub(super) rows: u64,
    /// Delta's statistics, as JSON.
    pub(super) stats: String,
}

/// How a table's files are written.
#[derive(Debug, Clone)]
pub(super) struct FileFormat {
    pub(super) layout: Layout,
    /// Columns whose extremes the log may tell.
    pub(super) stats_columns: Vec<String>,
    properties: WriterPropertiesBuilder,
}

impl FileFormat {
    /// Zstandard throughout. Parquet's own statistics follow the rule of the log's: nothing of a personal column, of
    /// `_id` or of `_extra`.
    pub(super) fn new(layout: Layout, stats_columns: Vec<String>) -> Self {
        let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("lienthong".to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            // Each value differs from the last: a dictionary would be built only to be thrown away.
            .set_column_dictionary_enabled(path(OFFSET), false)
            .set_column_encoding(path(OFFSET), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(path(ID), false)
            .set_column_encoding(path(ID), Encoding::DELTA_BYTE_ARRAY)
            .set_column_statistics_enabled(path(ID), EnabledStatistics::None)
            .set_column_dictionary_enabled(path(EXTRA), false)
            .set_column_statistics_enabled(path(EXTRA), EnabledStatistics::None);
        for column in &layout.columns {
            if column.personal || column.column_type == ColumnType::Json {
                properties = properties.set_column_statistics_enabled(path(&column.name), EnabledStatistics::None);
            }
        }
        Self { layout, stats_columns, properties }
    }

    /// Makes the files of these batches, each from its given record on. Offsets rise within each file.
    ///
    /// # Errors
    /// A defect here, or a file beyond Parquet's limits.
    pub(super) fn encode(
        &self,
        channel: &ChannelId,
        time: Option<&str>,
        batches: &[(&StoredBatch, usize)],
    ) -> Result<Vec<DataFile>, ParquetError> {
        let mut days: BTreeMap<i64, Vec<(&StoredBatch, usize)>> = BTreeMap::new();
        for (batch, skip) in batches {
            days.entry(batch.received_at.day()).or_default().push((batch, *skip));
        }
        days.into_iter().map(|(date, batches)| self.encode_day(channel, time, date, &batches)).collect()
    }

    fn encode_day(
        &self,
        channel: &ChannelId,
        time: Option<&str>,
        date: i64,
        batches: &[(&StoredBatch, usize)],
    ) -> Result<DataFile, ParquetError> {
        let mut file = self.begin();
        let mut rows = Rows::new(channel, &self.layout, time);
        let mut text_bytes = 0;
        let mut flush = |rows: &mut Rows<'_>| -> Result<(), ParquetError> {
            let chunk = rows.take().map_err(|error: ArrowError| ParquetError::ArrowError(error.to_string()))?;
            file.push(&chunk)
        };
        for (batch, skip) in batches {
            if rows.len() > 0 && (rows.len() + batch.count as usize > CHUNK_ROWS || text_bytes + batch.ndjson.len() > CHUNK_BYTES) {
                flush(&mut rows)?;
                text_bytes = 0;
            }
            rows.push(batch, *skip);
            text_bytes += batch.ndjson.len();
        }
        flush(&mut rows)?;
        let first_offset = batches.first().map_or(0, |(batch, skip)| batch.first.offset + *skip as u64);
        file.finish(day(date), first_offset)
    }

    /// A file without rows yet.
    pub(super) fn begin(&self) -> FileWriter<'_> {
        FileWriter { format: self, writer: None, stats: FileStats::default() }
    }

    /// A file's writer, with a dictionary for those columns whose values come again. It is decided by the first rows.
    fn writer(&self, first: &RecordBatch) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
        let mut properties = self.properties.clone();
        for (field, column) in first.schema_ref().fields().iter().zip(first.columns()) {
            if [OFFSET, ID, EXTRA].contains(&field.name().as_str()) || repeats(column) {
                continue;
            }
            let path = ColumnPath::new(vec![field.name().clone()]);
            if column.data_type().is_integer() || column.data_type().is_temporal() {
                properties = properties.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
            }
            properties = properties.set_column_dictionary_enabled(path, false);
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(Vec::new(), self.layout.file_schema.clone(), options)
    }
}

/// A data file that grows in memory.
pub(super) struct FileWriter<'f> {
    format: &'f FileFormat,
    /// Its first rows say how it is written.
    writer: Option<ArrowWriter<Vec<u8>>>,
    stats: FileStats,
}

impl FileWriter<'_> {
    /// Adds rows, which have the columns of the file's schema.
    ///
    /// # Errors
    /// A defect here, or a file beyond Parquet's limits.
    pub(super) fn push(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        self.stats.add(rows, &self.format.stats_columns);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(self.format.writer(rows)?),
        };
        writer.write(rows)
    }

    /// The whole file.
    ///
    /// # Errors
    /// As of [`FileWriter::push`].
    pub(super) fn finish(self, date: String, first_offset: u64) -> Result<DataFile, ParquetError> {
        let bytes = self.writer.map_or_else(|| Ok(Vec::new()), ArrowWriter::into_inner)?.into();
        Ok(DataFile { date, first_offset, bytes, rows: self.stats.rows(), stats: self.stats.to_json() })
    }
}
