"""What several claims share: starts and their flows, exact rationals, samples, a map."""
