"""What a run found out, and how people see it: one `Report`, its studies, and the page that shows them."""
