/// Exports a [`crate::Source`]. The type must be `Default`.
#[macro_export]
macro_rules! export_source {
    ($plugin:ty) => {
        $crate::export_world!(source, SourceGuest, $plugin);
    };
}

/// Exports a [`crate::Receiver`]. The type must be `Default`.
#[macro_export]
macro_rules! export_receiver {
    ($plugin:ty) => {
        $crate::export_world!(receiver, ReceiverGuest, $plugin);
    };
}

/// Exports a [`crate::Transform`]. The type must be `Default`.
#[macro_export]
macro_rules! export_transform {
    ($plugin:ty) => {
        $crate::export_world!(transform, TransformGuest, $plugin);
    };
}

/// Exports a [`crate::Sink`]. The type must be `Default`.
#[macro_export]
macro_rules! export_sink {
    ($plugin:ty) => {
        $crate::export_world!(sink, SinkGuest, $plugin);
    };
}

/// What the four macros share. Natively it only checks that the type fits.
#[doc(hidden)]
#[macro_export]
macro_rules! export_world {
    ($world:ident, $guest:ident, $plugin:ty) => {
        const _: () = {
            type Exported = $crate::guest::$guest<$plugin>;
            const _: fn() = $crate::guest::$guest::<$plugin>::fits;
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::$world::export!(Exported with_types_in $crate::bindings::$world);
        };
    };
}
