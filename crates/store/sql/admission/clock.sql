SELECT turnpike_now()
