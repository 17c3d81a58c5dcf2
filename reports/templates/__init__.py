"""Templates of the HTML leaderboard; everything ends up inside one file."""
