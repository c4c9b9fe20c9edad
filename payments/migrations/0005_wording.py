
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0004_sentences_become_data'),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='expires_at',
            field=models.DateTimeField(help_text='An unpaid order stays open until then.'),
        ),
        migrations.AlterField(
            model_name='order',
            name='notice',
            field=models.CharField(blank=True, choices=[('not_shown', 'Pi no longer shows it.'), ('pi_refuses', 'Pi refuses the next step.'), ('not_moved', 'Pi answered, but its record has not changed.'), ('unanswered', 'Pi gives no clear answer about it.'), ('unverified', 'Pi shows a transaction, but does not verify it. Look on the chain.'), ('foreign_transaction', 'Pi shows a transaction that belongs to another payment.'), ('paid_on_chain_only', 'The chain shows a transaction for it, but Pi does not accept it.'), ('unusable_money', 'Money arrived that could not be used; a refund was requested.')], editable=False, max_length=20),
        ),
        migrations.AlterField(
            model_name='order',
            name='review_reason',
            field=models.CharField(blank=True, choices=[('stock_gone', 'paid late, and the goods are gone'), ('delivery_failed', 'paid, but the goods could not be delivered'), ('paid_after_cancel', 'paid after the order was cancelled'), ('amount_mismatch', 'the payment does not match the order'), ('tx_unverified', 'Pi does not verify the transaction')], editable=False, max_length=20),
        ),
        migrations.AlterField(
            model_name='order',
            name='status',
            field=models.CharField(choices=[('pending', 'waiting for payment'), ('reserved', 'held for a payment'), ('paid', 'paid'), ('fulfilled', 'fulfilled'), ('expired', 'expired'), ('cancelled', 'cancelled'), ('needs_review', 'in review'), ('refunded', 'refunded')], default='pending', editable=False, max_length=12),
        ),
        migrations.AlterField(
            model_name='pipayment',
            name='notice',
            field=models.CharField(blank=True, choices=[('not_shown', 'Pi no longer shows it.'), ('pi_refuses', 'Pi refuses the next step.'), ('not_moved', 'Pi answered, but its record has not changed.'), ('unanswered', 'Pi gives no clear answer about it.'), ('unverified', 'Pi shows a transaction, but does not verify it. Look on the chain.'), ('foreign_transaction', 'Pi shows a transaction that belongs to another payment.'), ('paid_on_chain_only', 'The chain shows a transaction for it, but Pi does not accept it.'), ('unusable_money', 'Money arrived that could not be used; a refund was requested.')], editable=False, max_length=20),
        ),
        migrations.AlterField(
            model_name='pipayment',
            name='refusal',
            field=models.CharField(blank=True, editable=False, help_text='Why it was refused.', max_length=40),
        ),
        migrations.AlterField(
            model_name='pipayment',
            name='status',
            field=models.CharField(choices=[('created', 'created at Pi'), ('approving', 'being approved at Pi'), ('approved', 'approved, waiting for the buyer to sign'), ('submitted', 'signed, not completed yet'), ('completed', 'completed'), ('cancelled', 'cancelled'), ('failed', 'not verified by Pi')], default='created', editable=False, max_length=10),
        ),
    ]
