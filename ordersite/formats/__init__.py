"""How Django writes moments, by language; see FORMAT_MODULE_PATH."""
