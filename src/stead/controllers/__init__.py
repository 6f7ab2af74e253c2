"""What must happen next: every controller reads what it observed and answers a Plan. Strangers to each other."""
