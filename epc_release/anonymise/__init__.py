"""What may be told: policies as data, record screening, field rules, keys, published schemas."""
