"""What people may ask of their own data: the page, the acts, the staff's desk with its clock."""
