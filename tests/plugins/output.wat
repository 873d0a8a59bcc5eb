(func $main (param $body i32) (result i32)
  (loop $again
    (call $emit (i32.const 1024) (i32.const 3) (i32.const 0) (i32.const 65536) (i32.const 256))
    (br_if $again (i32.eqz (i32.load8_u (i32.const 256)))))
  (i32.const 0))
