//! Generated from the WIT package. Each world has a module and an export macro of its own, so that a component carries the
//! description of only those worlds it exports; the imports are shared, so that a type is one type.

#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package lienthong:sdk;
            world imports {
                import lienthong:connector/types@1.0.0;
                import lienthong:connector/io@1.0.0;
                import lienthong:connector/config@1.0.0;
                import lienthong:connector/log@1.0.0;
            }
        ",
        world: "lienthong:sdk/imports",
        generate_all,
    });
}

macro_rules! world {
    ($module:ident, $world:literal, $bindings:literal, { $($name:literal: $shared:ident),* }) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                world: $world,
                with: { $($name: crate::bindings::imports::lienthong::connector::$shared),* },
                pub_export_macro: true,
                default_bindings_module: $bindings,
            });
        }
    };
}

world!(source, "lienthong:connector/source-plugin", "lienthong_sdk::bindings::source", {
    "lienthong:connector/types@1.0.0": types,
    "lienthong:connector/io@1.0.0": io,
    "lienthong:connector/config@1.0.0": config,
    "lienthong:connector/log@1.0.0": log
});
world!(receiver, "lienthong:connector/receiver-plugin", "lienthong_sdk::bindings::receiver", {
    "lienthong:connector/types@1.0.0": types,
    "lienthong:connector/io@1.0.0": io,
    "lienthong:connector/config@1.0.0": config,
    "lienthong:connector/log@1.0.0": log
});
world!(transform, "lienthong:connector/transform-plugin", "lienthong_sdk::bindings::transform", {
    "lienthong:connector/types@1.0.0": types
});
world!(sink, "lienthong:connector/sink-plugin", "lienthong_sdk::bindings::sink", {
    "lienthong:connector/types@1.0.0": types,
    "lienthong:connector/config@1.0.0": config,
    "lienthong:connector/log@1.0.0": log
});
