"""Prove that no slot is sold twice and no request is carried out twice, under races, kills and repeated requests."""
