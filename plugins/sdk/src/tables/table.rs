//! How a table becomes records: which columns, what each holds, what is wrong with a row.

use std::borrow::Cow;

use serde::Serialize;

use super::Row;

/// A column by its names: that of the standard first, then others that it goes by.
pub type Column = &'static [&'static str];

/// A table, declared by [`table!`](crate::table).
pub trait Table {
    /// A row with its values read. It borrows from the file.
    type Row<'r>: Serialize;
    /// The file's name.
    const FILE: &'static str;
    /// The port of its records.
    const PORT: &'static str;
    /// The columns that are read.
    const COLUMNS: &'static [Column];
    /// Those without which the file cannot be used.
    const REQUIRED: &'static [&'static str];
    /// Reads one row, or says what is wrong with it.
    fn read(row: Row<'_>) -> Result<Self::Row<'_>, String>;
}

/// Declares a [`Table`]: the columns as fields of its record, each with the function that reads its text, then what is made from
/// columns. The functions are those of the module `value` where the table is declared; each takes the text and the column's name.
/// A column whose name is not its field's is named after it, with others that it goes by.
///
/// ```
/// mod value {
///     pub(crate) use lienthong_sdk::tables::value::{count, number};
///
///     pub(crate) fn code<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
///         lienthong_sdk::tables::value::at_most(8, text, name)
///     }
/// }
///
/// lienthong_sdk::table! {
///     /// A place where something is sold.
///     Stall, "stalls.csv" => "stalls", required ["stallCode"] {
///         stall_code ["stallCode", "code"]: Option<&'r str> = code,
///         rows: Option<u32> = count,
///         width: Option<f64> = number,
///     } made {
///         is_wide: bool = width.is_some_and(|metres| metres > 3.0),
///     }
/// }
/// ```
#[macro_export]
macro_rules! table {
    (
        $(#[$doc:meta])* $name:ident, $file:literal => $port:literal, required [$($required:literal),* $(,)?] {
            $($column:ident $([$($heading:literal),+])?: $type:ty = $read:ident),+ $(,)?
        } made { $($made:ident: $made_type:ty = $make:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, ::serde::Serialize)]
        pub(crate) struct $name<'r> {
            $(#[serde(skip_serializing_if = "::lienthong_sdk::tables::Absent::is_absent")] $column: $type,)+
            $(#[serde(skip_serializing_if = "::lienthong_sdk::tables::Absent::is_absent")] $made: $made_type,)*
            #[serde(skip)]
            row: ::std::marker::PhantomData<&'r ()>,
        }

        impl $crate::tables::Table for $name<'_> {
            type Row<'r> = $name<'r>;
            const FILE: &'static str = $file;
            const PORT: &'static str = $port;
            const COLUMNS: &'static [$crate::tables::Column] = &[$($crate::table!(@names $column $([$($heading),+])?)),+];
            const REQUIRED: &'static [&'static str] = &[$($required),*];

            fn read<'r>(row: $crate::tables::Row<'r>) -> Result<$name<'r>, String> {
                let mut columns = Self::COLUMNS.iter().enumerate();
                $(
                    let (place, name) = columns.next().map_or((usize::MAX, ""), |(place, names)| (place, names[0]));
                    let $column: $type = value::$read(row.text(place, name)?, name)?;
                )+
                $(let $made: $made_type = $make;)*
                Ok($name { $($column,)+ $($made,)* row: ::std::marker::PhantomData })
            }
        }
    };
    (@names $column:ident) => { &[stringify!($column)] };
    (@names $column:ident [$($heading:literal),+]) => { &[$($heading),+] };
}

/// Whether a value is left out of the record.
pub trait Absent {
    /// True for what a row does not say.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

macro_rules! never_absent {
    ($($type:ty),*) => { $(impl Absent for $type {})* };
}
never_absent!(&str, String, Cow<'_, str>, bool, i32, i64, u8, u16, u32, u64, f64);
