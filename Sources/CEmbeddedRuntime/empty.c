// So that the host build, which needs nothing from this module, has an object to link.
