"""What this project believes about Railway: the register, who cites it, and the pages that are written from it."""
