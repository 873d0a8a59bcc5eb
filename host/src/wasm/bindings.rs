//! Typed bindings of the WIT package `lienthong:connector@1`. The one world here names every interface, so that the
//! four kinds of plugin share one set of types; a component is asked only for the interfaces that it exports.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    inline: "
        package lienthong:hub;

        world plugin {
            import lienthong:connector/io@1.0.0;
            import lienthong:connector/config@1.0.0;
            import lienthong:connector/log@1.0.0;
            export lienthong:connector/source@1.0.0;
            export lienthong:connector/receiver@1.0.0;
            export lienthong:connector/transform@1.0.0;
            export lienthong:connector/sink@1.0.0;
        }
    ",
    path: "../wit",
    imports: {
        default: async | trappable,
        "lienthong:connector/io.[method]blob.size": trappable,
        "lienthong:connector/config.settings": trappable,
        "lienthong:connector/log.write": trappable,
    },
    exports: { default: async },
    with: {
        "lienthong:connector/io.blob": super::imports::Body,
        "lienthong:connector/io.attachment": super::imports::Attachment,
    },
});
