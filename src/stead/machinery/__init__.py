"""Words: keys, times, selectors, patches, errors, plans. Imports nothing of stead; no clock, no socket, no chance."""
