UPDATE sender_number n SET quality = $2 WHERE n.phone = $1 AND n.quality IS DISTINCT FROM $2
