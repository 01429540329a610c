// MicroAgent
