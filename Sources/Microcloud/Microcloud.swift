// Microcloud
