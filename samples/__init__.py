"""Programs as the marketplace's neighbours would write them; they import nothing of Souk."""
