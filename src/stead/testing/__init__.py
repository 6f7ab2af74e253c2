"""What tests of stead and tests with stead are written in."""
