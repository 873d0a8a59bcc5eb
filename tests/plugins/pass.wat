;; Emits the message in pieces of 128 KiB: its records must be of a length that none is cut.
(func $main (param $body i32) (result i32)
  (local $offset i64)
  (block $end (loop $more
    (call $read (local.get $body) (local.get $offset) (i32.const 131072) (i32.const 128))
    (br_if $end (i32.eqz (i32.load (i32.const 136))))
    (call $emit (i32.const 1024) (i32.const 3) (i32.load (i32.const 132)) (i32.load (i32.const 136)) (i32.const 256))
    (local.set $offset (i64.add (local.get $offset) (i64.extend_i32_u (i32.load (i32.const 136)))))
    ;; The pieces are read one after the other to the same place.
    (global.set $heap (i32.const 65536))
    (br_if $more (i64.lt_u (local.get $offset) (call $size (local.get $body))))))
  (i32.const 0))
