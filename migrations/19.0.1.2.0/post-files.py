def migrate(cr, version):
    # `mail` would read print files in Odoo's own process if they belonged to a record with a chatter
    cr.execute(
        """
        UPDATE ir_attachment attachment
           SET res_model = 'cloudprinter.order.file', res_id = file.id
          FROM cloudprinter_order_file file
         WHERE file.attachment_id = attachment.id
        """
    )
