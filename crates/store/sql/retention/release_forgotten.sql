SELECT release_forgotten($1) AS released
