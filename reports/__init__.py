"""What people read: tables, figures and the leaderboard, made from run folders alone."""
