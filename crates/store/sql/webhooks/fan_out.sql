SELECT f.o_deliveries AS deliveries, f.o_full AS full FROM fan_out($1) f
