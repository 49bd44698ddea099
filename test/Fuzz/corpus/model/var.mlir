mixln.variable @a : tensor<?xf32> input
mixln.entry @e { %0 = mixln.load @a : tensor<?xf32> }