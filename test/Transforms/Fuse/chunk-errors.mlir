// RUN: mixln-opt %s --mixln-chunk="rows=0" --verify-diagnostics

// A chunk has at least one row.
// expected-error @+1 {{rows of a chunk is 0, expected a positive number}}
module {
}
