(memory (export "memory") 20)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
;; A thousand results, each of whose keys is the same megabyte.
(func (export "lienthong:connector/transform@1.0.0#apply") (param $now i64) (param $groups i32) (param $count i32) (result i32)
  (local $at i32)
  (local.set $at (i32.const 1024))
  (loop $again
    (i32.store (local.get $at) (i32.const 131072))
    (i32.store offset=4 (local.get $at) (i32.const 1048576))
    (local.set $at (i32.add (local.get $at) (i32.const 36)))
    (br_if $again (i32.lt_u (local.get $at) (i32.const 37024))))
  (i32.store (i32.const 132) (i32.const 1024))
  (i32.store (i32.const 136) (i32.const 1000))
  (i32.const 128))
