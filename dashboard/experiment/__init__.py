"""What is explained and how: one frozen object, its fields, the address that holds it, and the photo it speaks of."""
