"mixln.kernel"() <{sym_name="m"}> ({^bb0:}) : () -> ()
mixln.entry @e { mixln.dispatch @m domain [] values [] reads [] : [] writes [] : [] }