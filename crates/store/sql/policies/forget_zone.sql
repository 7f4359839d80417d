DELETE FROM recipient_zone WHERE organization_id = $1 AND recipient = $2
