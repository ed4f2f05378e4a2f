"""Help in designing a policy: what each level would cost, for a person to choose."""
