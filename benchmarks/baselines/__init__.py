"""What most people would write instead of segq; measured in the same run as segq."""
