"""Every figure of a page: `draw_x(ax, prepared)`. The only place that knows matplotlib."""
