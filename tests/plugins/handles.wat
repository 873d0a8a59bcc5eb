;; Makes header fields of a request again and again, and never drops one.
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
PRELUDE
(func $main (param $body i32) (result i32)
  (loop $again (drop (call $fields)) (br $again))
  (i32.const 0))
