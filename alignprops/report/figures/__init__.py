"""Figures: what they show (specs), how they look (style), and drawing them with matplotlib."""
