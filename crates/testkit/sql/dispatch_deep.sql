-- Numbers that could take everything at once, so that the release itself is what is measured.
UPDATE number_dispatch SET depth = 100000
