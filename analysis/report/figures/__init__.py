"""Every figure: `draw_x(axes, prepared)` draws what `figure_data` computed."""
