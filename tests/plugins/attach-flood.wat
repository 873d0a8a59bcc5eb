(func $main (param $body i32) (result i32)
  (local $file i32)
  (call $attach (i32.const 1024) (i32.const 3) (i32.const 256))
  (local.set $file (i32.load (i32.const 260)))
  (loop $again
    (call $attach_write (local.get $file) (i32.const 0) (i32.const 65536) (i32.const 256))
    (br_if $again (i32.eqz (i32.load8_u (i32.const 256)))))
  (i32.const 0))
